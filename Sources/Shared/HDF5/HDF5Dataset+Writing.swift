internal import CHDF5

extension HDF5Dataset {
    /// Writes a box of numbers from memory that the caller owns.
    ///
    /// - Parameters:
    ///   - buffer: The elements, row by row.
    ///   - number: Type in memory.
    ///   - start: First position of the box; one entry per dimension.
    ///   - count: Size of the box; one entry per dimension.
    /// - Throws: ``HDF5Error`` when the box does not fit or writing fails.
    package func write(
        _ buffer: UnsafeRawBufferPointer,
        as number: HDF5Number,
        start: [Int],
        count: [Int]
    ) throws(HDF5Error) {
        let elements = count.reduce(1, *)
        precondition(buffer.count >= elements * number.byteCount, "buffer too small for the box")
        guard elements > 0 else { return }
        try HDF5Thread.perform { () throws(HDF5Error) -> Void in
            let context = context("writing")
            let memoryType = try numberType(number, context)
            let memorySpace = try simpleSpace([elements], context)
            let fileSpace = try selection(start: start, count: count, context)
            try context.check(
                H5Dwrite(
                    token.id,
                    memoryType.value,
                    memorySpace.value,
                    fileSpace.value,
                    chdf5_default(),
                    buffer.baseAddress
                )
            )
        }
    }

    /// Writes a box of numbers.
    package func write<T: HDF5Scalar>(
        _ values: [T],
        start: [Int],
        count: [Int]
    ) throws(HDF5Error) {
        // The closure is rethrowing and so cannot carry the typed error itself.
        let outcome = values.withUnsafeBytes { bytes in
            Result { () throws(HDF5Error) -> Void in
                try write(bytes, as: T.hdf5Number, start: start, count: count)
            }
        }
        try outcome.get()
    }

    /// Adds rows at the end of the first dimension of a chunked dataset.
    ///
    /// - Parameters:
    ///   - buffer: The elements, row by row.
    ///   - number: Type in memory.
    ///   - rows: How many rows `buffer` holds.
    /// - Throws: ``HDF5Error`` when the library refuses.
    package func append(
        _ buffer: UnsafeRawBufferPointer,
        as number: HDF5Number,
        rows: Int
    ) throws(HDF5Error) {
        guard rows > 0 else { return }
        try HDF5Thread.perform { () throws(HDF5Error) -> Void in
            var shape = try shape()
            var start = shape.map { _ in 0 }
            start[0] = shape[0]
            shape[0] += rows
            let extended = shape.map { hsize_t($0) }
            try context("extending").check(H5Dset_extent(token.id, extended))
            var count = shape
            count[0] = rows
            try write(buffer, as: number, start: start, count: count)
        }
    }

    /// Adds rows at the end of the first dimension of a chunked dataset.
    ///
    /// `values` are the elements, row by row; a whole number of rows.
    package func append<T: HDF5Scalar>(_ values: [T]) throws(HDF5Error) {
        let width = try shape().dropFirst().reduce(1, *)
        precondition(width > 0 && values.count % width == 0, "values are not whole rows")
        let outcome = values.withUnsafeBytes { bytes in
            Result { () throws(HDF5Error) -> Void in
                try append(bytes, as: T.hdf5Number, rows: values.count / width)
            }
        }
        try outcome.get()
    }

    /// Writes every element of a dataset whose type in memory is `type`.
    func writeAll<T: HDF5Scalar>(_ values: [T], _ type: HDF5Type) throws(HDF5Error) {
        guard !values.isEmpty else { return }
        let context = context("writing")
        let memory = try numberType(T.hdf5Number, context)
        precondition(type.number == T.hdf5Number, "values of another type")
        let status = values.withUnsafeBufferPointer { values in
            H5Dwrite(
                token.id,
                memory.value,
                chdf5_all(),
                chdf5_all(),
                chdf5_default(),
                values.baseAddress
            )
        }
        try context.check(status)
    }
}
