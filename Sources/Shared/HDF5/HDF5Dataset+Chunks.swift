internal import CHDF5

extension HDF5Dataset {
    /// Bytes that a chunk takes in the file, filters applied; 0 when it was never written.
    ///
    /// - Parameter offset: First position of the chunk, a multiple of the chunk's shape.
    /// - Returns: The stored size in bytes.
    /// - Throws: ``HDF5Error`` when the library refuses.
    package func chunkByteCount(at offset: [Int]) throws(HDF5Error) -> Int {
        try HDF5Thread.perform { () throws(HDF5Error) -> Int in
            let position = offset.map { hsize_t($0) }
            var bytes: hsize_t = 0
            guard H5Dget_chunk_storage_size(token.id, position, &bytes) < 0 else {
                return Int(clamping: bytes)
            }
            let failure = chunkContext(offset).failure()
            // How the library says that no chunk at all was ever written.
            guard failure.libraryMessage?.contains("not allocated") == true else { throw failure }
            return 0
        }
    }

    /// Reads a chunk as it lies in the file, without undoing filters.
    ///
    /// - Parameters:
    ///   - offset: First position of the chunk, a multiple of the chunk's shape.
    ///   - buffer: At least ``chunkByteCount(at:)`` bytes.
    /// - Returns: The filter mask: bit i set means that filter i was left out for this chunk.
    /// - Throws: ``HDF5Error`` when the chunk was never written or cannot be read.
    package func readChunk(
        at offset: [Int],
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(HDF5Error) -> UInt32 {
        try HDF5Thread.perform { () throws(HDF5Error) -> UInt32 in
            let position = offset.map { hsize_t($0) }
            var mask: UInt32 = 0
            let status = H5Dread_chunk(
                token.id,
                chdf5_default(),
                position,
                &mask,
                buffer.baseAddress
            )
            try chunkContext(offset).check(status)
            return mask
        }
    }

    /// The value of elements that were never written.
    ///
    /// These are its bytes in the type `number`; zeros when none was set.
    package func fillValue(as number: HDF5Number) throws(HDF5Error) -> [UInt8] {
        try HDF5Thread.perform { () throws(HDF5Error) -> [UInt8] in
            let context = context("reading the fill value of")
            let creation = try LibraryID(H5Dget_create_plist(token.id), context)
            var bytes = [UInt8](repeating: 0, count: number.byteCount)
            var status = H5D_FILL_VALUE_UNDEFINED
            try context.check(H5Pfill_value_defined(creation.value, &status))
            guard status == H5D_FILL_VALUE_USER_DEFINED else { return bytes }
            let memory = try numberType(number, context)
            try context.check(H5Pget_fill_value(creation.value, memory.value, &bytes))
            return bytes
        }
    }

    private func chunkContext(_ offset: [Int]) -> CallContext {
        let position = offset.map(String.init).joined(separator: ", ")
        return CallContext(
            operation: "reading",
            file: file.path,
            element: "\(path) chunk at (\(position))"
        )
    }
}
