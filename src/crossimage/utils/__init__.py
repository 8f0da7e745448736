"""What every part of the package uses: files, names, seeds, memory, pages and progress."""
