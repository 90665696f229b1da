"""Training: Keras and tf.data."""
