"""Portal and hepatic veins, the cava and the arteries, as far as the phase shows them."""
