"""Seeded mistakes and right gradients, checked by kobai and by others."""
