"""An application for Ray Serve: replicas on many machines; needs the extra lpt[ray]."""
