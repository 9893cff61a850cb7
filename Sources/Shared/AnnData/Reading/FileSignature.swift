internal import Glibc

/// Tells an HDF5 file from what people give instead, by the first bytes.
enum FileSignature {
    private static let hdf5: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]

    /// Throws unless the file carries HDF5's signature.
    static func check(path: String, stamp: FileStamp) throws(AnnDataError) {
        if stamp.isDirectory {
            let isZarr = [".zgroup", ".zattrs", ".zarray", "zarr.json"].contains {
                access("\(path)/\($0)", F_OK) == 0
            }
            throw .directory(path: path, isZarr: isZarr)
        }
        guard stamp.byteCount > 0 else { throw .emptyFile(path: path) }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .cannotOpen(path: path, reason: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        // A user block may stand in front; the signature is then at 512 times a power of two.
        var offset = 0
        while offset + hdf5.count <= stamp.byteCount {
            if bytes(descriptor, offset, hdf5.count) == hdf5 { return }
            offset = offset == 0 ? 512 : offset * 2
        }
        let start = bytes(descriptor, 0, 512)
        throw .notHDF5(path: path, kind: kind(of: start))
    }

    private static func bytes(_ descriptor: Int32, _ offset: Int, _ count: Int) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let read = pread(descriptor, &buffer, count, off_t(offset))
        return Array(buffer.prefix(max(0, read)))
    }

    /// What a file that begins with `bytes` probably is.
    static func kind(of bytes: [UInt8]) -> String {
        let magic: [([UInt8], String)] = [
            ([0x1F, 0x8B], "a gzip file (unpack it with gunzip)"),
            ([0x50, 0x4B, 0x03, 0x04], "a zip archive (unpack it)"),
            ([0x42, 0x5A, 0x68], "a bzip2 file (unpack it)"),
            ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "an xz file (unpack it)"),
            ([0x28, 0xB5, 0x2F, 0xFD], "a zstd file (unpack it)"),
            ([0x50, 0x41, 0x52, 0x31], "a parquet file"),
            ([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59], "a numpy array file"),
            ([0x43, 0x44, 0x46], "a netCDF 3 file"),
        ]
        for (prefix, name) in magic where bytes.starts(with: prefix) { return name }
        if bytes.allSatisfy({ $0 == 0 }) { return "zeros (an unfinished copy?)" }
        let text = String(decoding: bytes, as: UTF8.self)
        let trimmed = text.drop { $0 == " " || $0 == "\n" || $0 == "\t" || $0 == "\r\n" }
        let lowered = trimmed.prefix(64).lowercased()
        if lowered.hasPrefix("<!doctype html") || lowered.hasPrefix("<html") {
            return "a web page (a failed download?)"
        }
        if lowered.hasPrefix("<?xml") { return "an XML document (a failed download?)" }
        if lowered.hasPrefix("version https://git-lfs") {
            return "a Git LFS pointer (run git lfs pull)"
        }
        if lowered.hasPrefix("%%matrixmarket") { return "a Matrix Market file" }
        if lowered.hasPrefix("{") { return "a JSON document" }
        let isText = bytes.allSatisfy { $0 >= 32 || $0 == 9 || $0 == 10 || $0 == 13 }
        if isText { return "a text file" }
        let shown = bytes.prefix(4).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }
        return "something else (its first bytes are \(shown.joined(separator: " ")))"
    }
}
