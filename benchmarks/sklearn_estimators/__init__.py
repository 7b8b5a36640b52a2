"""kobai.sklearn beside scikit-learn: the time of a fit and the score of what it has not seen."""
