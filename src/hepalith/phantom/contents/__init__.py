"""What is laid into a liver: morphologies, hosts and mimics."""
