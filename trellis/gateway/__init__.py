"""The front door: takes people's and programs' requests to the revision that answers them.

One stateless process in front of one namespace's predictors. It knows them only by the routing
table and over the wire, so it needs neither the Kubernetes API nor any machine-learning library.
"""
