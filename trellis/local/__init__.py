"""The same YAML on one machine, without a cluster: `trellis up` and `trellis validate`.

Reads InferenceServices, keeps their revisions as KServe on Knative would, runs one predictor
process a revision and the gateway in front, and shows it all in one terminal view.
"""
