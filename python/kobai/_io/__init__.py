"""Files: one rule for paths, written whole or not at all; arrays without pickle; what a file is."""
