FROM 127.0.0.1:1/app@sha256:24db4c7d4de7d4d4a2b2f9a8c5b3d8b0d9c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5 AS made
FROM scratch AS check
