"""Tests of the recipes and the settings that they may have."""
