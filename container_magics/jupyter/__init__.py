"""The stage: the only imports of IPython, ipykernel and ipywidgets."""
