"""The shipped entries: one folder each (see zoo.pretrained)."""
