"""The only input and output: the docker SDK lives on this floor and nowhere else."""
