"""The parts of timm's models around their blocks: one tower per class of model."""
