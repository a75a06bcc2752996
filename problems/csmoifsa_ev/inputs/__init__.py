"""Read scenarios and files of load, tariffs, sessions and vehicles, and build model objects from them."""
