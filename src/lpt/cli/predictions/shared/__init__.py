"""Predictions in several processes: one hands out images and writes, the others predict."""
