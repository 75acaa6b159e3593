"""From image files to answers and to trained epochs: lpt beside timm, PEFT and plain LIFT."""
