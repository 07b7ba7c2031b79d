"""What is kept: records of trials, run folders, and where a result was made."""
