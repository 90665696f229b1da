"""Fine-tuning on somebody's own images: a look, a run, a verdict. It stands on training, inference and export alike."""
