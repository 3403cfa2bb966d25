"""What the weights of the ultrasound reader are made by."""
