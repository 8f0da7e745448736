"""What the folders of runs and the files of models tell about themselves."""
