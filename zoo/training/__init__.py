"""Training and fine-tuning: Keras and tf.data."""
