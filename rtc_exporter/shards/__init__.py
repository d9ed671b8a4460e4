"""
Several processes on one host: one in front that takes connections, and a whole exporter for each shard behind it.

All participants of a session have to meet in one process, so the one in front reads the head of each connection's
first request, finds the session in it, and hands the connection over, descriptor and all: what comes through it
afterwards costs the one in front nothing.  It asks the others for what operators want, and is to them what a service
manager is to it: it starts them, hears when they are ready and whether they live, and starts them again.
"""
