"""One file per kind of certificate; the folder is the list."""
