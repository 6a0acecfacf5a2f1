"""What this machine can do when nothing is done that need not be: written by hand against sqlite3 and uvicorn."""
