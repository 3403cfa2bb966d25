"""Where the Couinaud segments lie by landmarks, before any vessel is seen."""
