"""A local page on which a person decides about suspect labels and confusions of a run."""
