"""The ultrasound phantom: a picture made beam by beam, whose foci are known."""
