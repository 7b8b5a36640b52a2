"""A long run of random calls, over every function of kobai, in which memory stays flat."""
