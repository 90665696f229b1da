"""Pretrained denoisers at work: numpy, Pillow and ONNX Runtime, never Keras."""
