internal import Glibc

/// Writes rows into a result file that ``ResultFile`` has laid out, without the HDF5 library.
///
/// Any number of threads may use it at once, as long as no two write the same row of a layer: it
/// holds nothing but a descriptor, which is closed with the object.
package final class ResultRows: Sendable {
    /// The file, for messages.
    package let path: String
    /// Where everything lies.
    package let map: ResultFileMap

    private let descriptor: Int32

    /// Opens a laid-out file for reading and writing.
    ///
    /// - Throws: ``AnnDataWriteError/cannotOpen(path:reason:)``, or `.wrongSize` when the file is
    ///   not the one that the map describes.
    package convenience init(path: String, map: ResultFileMap) throws(AnnDataWriteError) {
        guard map.isConsistent else {
            throw .invalidLayout(problem: "the map of \(path) contradicts itself")
        }
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .cannotOpen(path: path, reason: String(cString: strerror(errno)))
        }
        self.init(descriptor: descriptor, path: path, map: map)
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system(path, "measuring", errno) }
        guard Int(status.st_size) == map.byteCount else {
            throw .wrongSize(
                path: path,
                actualBytes: Int(status.st_size),
                expectedBytes: map.byteCount
            )
        }
    }

    /// Takes over an open descriptor.
    package init(descriptor: Int32, path: String, map: ResultFileMap) {
        self.descriptor = descriptor
        self.path = path
        self.map = map
    }

    deinit { close(descriptor) }

    /// Writes one row of a layer.
    ///
    /// - Parameters:
    ///   - layer: Position in ``ResultFileMap/layers``.
    ///   - row: Position of the perturbation.
    ///   - bytes: All elements of the row, little-endian, as the layer's type.
    /// - Throws: ``AnnDataWriteError/diskFull(path:neededBytes:availableBytes:reason:)`` or
    ///   `.operationFailed`.
    package func write(
        layer: Int,
        row: Int,
        _ bytes: UnsafeRawBufferPointer
    ) throws(AnnDataWriteError) {
        precondition(bytes.count == map.rowByteCount(layer: layer), "not the bytes of one row")
        try write(bytes, at: map.offset(layer: layer, row: row))
    }

    /// Writes one row of a layer from numbers, rounded to the layer's type.
    package func write(
        layer: Int,
        row: Int,
        values: [Double]
    ) throws(AnnDataWriteError) {
        precondition(values.count == map.geneCount, "not one value for each gene")
        switch map.layers[layer].element {
        case .float64: try writeRow(layer, row, values)
        case .float32: try writeRow(layer, row, values.map { Float($0) })
        }
    }

    /// Writes one value into every element of a row.
    package func fill(
        layer: Int,
        row: Int,
        with value: Double
    ) throws(AnnDataWriteError) {
        try write(
            layer: layer,
            row: row,
            values: [Double](repeating: value, count: map.geneCount)
        )
    }

    /// Writes what stands for a perturbation that could not be fitted into all its layers.
    ///
    /// See ``ResultFileMap/Layer/failedValue``.
    package func fillFailed(row: Int) throws(AnnDataWriteError) {
        for (index, layer) in map.layers.enumerated() {
            try fill(layer: index, row: row, with: layer.failedValue)
        }
    }

    /// Says what became of a row: a position in the layout's status categories, or -1.
    package func setStatus(row: Int, code: Int8) throws(AnnDataWriteError) {
        precondition(row >= 0 && row < map.rowCount, "no such row")
        let outcome = withUnsafeBytes(of: code) { bytes in
            Result { () throws(AnnDataWriteError) -> Void in
                try write(bytes, at: map.statusOffset + row)
            }
        }
        try outcome.get()
    }

    /// The status codes of all rows.
    package func statusCodes() throws(AnnDataWriteError) -> [Int8] {
        let bytes = try read(count: map.rowCount, at: map.statusOffset)
        return bytes.map { Int8(bitPattern: $0) }
    }

    /// Reads the bytes of one row of a layer.
    package func read(layer: Int, row: Int) throws(AnnDataWriteError) -> [UInt8] {
        try read(count: map.rowByteCount(layer: layer), at: map.offset(layer: layer, row: row))
    }

    /// Waits until everything written so far is on the disk.
    package func synchronize() throws(AnnDataWriteError) {
        guard fdatasync(descriptor) == 0 else { throw .system(path, "saving", errno) }
    }

    private func writeRow<T: BitwiseCopyable>(
        _ layer: Int,
        _ row: Int,
        _ values: [T]
    ) throws(AnnDataWriteError) {
        // The closure is rethrowing and so cannot carry the typed error itself.
        let outcome = values.withUnsafeBytes { bytes in
            Result { () throws(AnnDataWriteError) -> Void in
                try write(layer: layer, row: row, bytes)
            }
        }
        try outcome.get()
    }

    /// Writes bytes at a position of the file.
    func write(_ bytes: ArraySlice<UInt8>, at offset: Int) throws(AnnDataWriteError) {
        let outcome = bytes.withUnsafeBytes { bytes in
            Result { () throws(AnnDataWriteError) -> Void in try write(bytes, at: offset) }
        }
        try outcome.get()
    }

    private func write(
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int
    ) throws(AnnDataWriteError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let written = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            if written > 0 {
                done += written
                continue
            }
            let code = written == 0 ? ENOSPC : errno
            if code == EINTR { continue }
            throw .system(path, "writing", code)
        }
    }

    /// Reads bytes at a position of the file.
    func read(count: Int, at offset: Int) throws(AnnDataWriteError) -> [UInt8] {
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            while initialized < count {
                let rest = UnsafeMutableRawBufferPointer(
                    UnsafeMutableBufferPointer(rebasing: buffer[initialized..<count])
                )
                let got = pread(
                    descriptor,
                    rest.baseAddress,
                    rest.count,
                    off_t(offset + initialized)
                )
                if got > 0 {
                    initialized += got
                    continue
                }
                if got < 0, errno == EINTR { continue }
                code = got == 0 ? ENODATA : errno
                return
            }
        }
        guard code == 0 else { throw .system(path, "reading", code) }
        return bytes
    }
}
