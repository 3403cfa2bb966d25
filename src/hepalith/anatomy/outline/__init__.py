"""The liver's outline, grown from its core to the organs that touch it."""
