"""Calibration from sums over hospitals: probabilities that hold, sets of classes, and pictures that get no answer."""
