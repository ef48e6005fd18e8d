"""Tokens and sites: who may upload, and which pages may embed."""
