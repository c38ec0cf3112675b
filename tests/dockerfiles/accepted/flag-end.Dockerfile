FROM scratch
CMD -- app
