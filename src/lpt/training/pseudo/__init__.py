"""Labels that the model of phase 1 gives to unlabelled photos, for phase 2."""
