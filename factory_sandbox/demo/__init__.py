"""The main job shown on this machine: the sandbox, the server and the console engine, over real HTTP and real git."""
