"""Public registers of tax numbers. They send a number and read an answer; they change nothing and send nothing else."""
