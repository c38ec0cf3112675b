FROM --pull=always scratch
