"""Text towers of CLIP and SigLIP: features of class names in the joint space with images."""
