"""The phases of long-tailed prompt tuning: their stages, initialisation and descriptions."""
