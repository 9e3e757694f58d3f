"""The project's commands; `make help` lists what calls them."""
