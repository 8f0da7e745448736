"""What users name as data: folders, pairs, classes, tables."""
