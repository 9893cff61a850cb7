import Digests
package import Statistics

/// Why bytes are not a table of covariates.
package enum CovariateTableError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The bytes are too short, too long, or contradict themselves.
    case malformed(String)
    /// The content does not match its digest.
    case damaged

    /// What is wrong, for a person.
    package var description: String {
        switch self {
        case .malformed(let what): "covariates: \(what); they were written by another version"
        case .damaged: "covariates: content and digest differ; they are damaged"
        }
    }
}

extension CovariateTable {
    private static let magic: UInt64 = 0x3156_4f43_5058_5952  // "RYXPCOV1" little-endian
    private static let leastBytes = 8 + 8 + 8

    /// The table as bytes: magic, cells, number of covariates, then each covariate as its kind, the
    /// length and bytes of its name and its values, and a digest of it all.
    ///
    /// Kind 0 is numeric: a double per cell. Kind 1 has levels, kind 2 levels that count although unused:
    /// the number of levels, each one's length and bytes, then a 32-bit code per cell. Little-endian
    /// throughout; lengths, kinds and counts are eight bytes.
    package func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: Self.magic)
        bytes.append(littleEndian: UInt64(cellCount))
        bytes.append(littleEndian: UInt64(covariates.count))
        func append(_ text: String) {
            let utf8 = Array(text.utf8)
            bytes.append(littleEndian: UInt64(utf8.count))
            bytes += utf8
        }
        for covariate in covariates {
            switch covariate.values {
            case .numeric(let values):
                bytes.append(littleEndian: UInt64(0))
                append(covariate.name)
                bytes.append(littleEndian: values)
            case .levels(let levels):
                bytes.append(littleEndian: UInt64(levels.keepsUnused ? 2 : 1))
                append(covariate.name)
                bytes.append(littleEndian: UInt64(levels.names.count))
                for name in levels.names { append(name) }
                for code in levels.codes { bytes.append(littleEndian: code) }
            }
        }
        SealedBytes.seal(&bytes)
        return bytes
    }

    /// Reads what ``encoded()`` wrote.
    ///
    /// Nothing is allocated that the bytes do not have room for.
    ///
    /// - Throws: `malformed` for other bytes, `damaged` when the digest does not match.
    package init(bytes: [UInt8]) throws(CovariateTableError) {
        guard bytes.count >= Self.leastBytes + Digest128.byteCount else {
            throw .malformed("only \(bytes.count) bytes")
        }
        guard let content = SealedBytes.contentCount(of: bytes) else { throw .damaged }
        var reader = BoundedReader(bytes: bytes, end: content)
        guard try reader.number() == Self.magic else { throw .malformed("unknown magic") }
        let cellNumber = try reader.number()
        guard let cells = UInt32(exactly: cellNumber).map(Int.init) else {
            throw .malformed("\(cellNumber) cells")
        }
        var covariates: [Covariate] = []
        // A covariate takes at least its kind and the length of its name.
        for _ in 0..<(try reader.length(of: 16)) {
            covariates.append(try Self.covariate(&reader, cells))
        }
        guard reader.isAtEnd else { throw .malformed("bytes after the last covariate") }
        self.init(cellCount: cells, covariates: covariates)
    }

    private static func covariate(
        _ reader: inout BoundedReader,
        _ cells: Int
    ) throws(CovariateTableError) -> Covariate {
        let kind = try reader.number()
        guard kind <= 2 else { throw .malformed("unknown kind \(kind)") }
        let name = try reader.text()
        if kind == 0 {
            return Covariate(name: name, values: .numeric(try reader.doubles(cells)))
        }
        var names: [String] = []
        for _ in 0..<(try reader.length(of: 8)) { names.append(try reader.text()) }
        let codes = try reader.codes(cells)
        guard codes.allSatisfy({ $0 >= -1 && $0 < names.count }) else {
            throw .malformed("a cell of '\(name)' has an unknown level")
        }
        return Covariate(
            name: name,
            values: .levels(Levels(codes: codes, names: names, keepsUnused: kind == 2))
        )
    }
}

/// Reads values one after the other from bytes that may be anything.
private struct BoundedReader {
    private let bytes: [UInt8]
    private let end: Int
    private var offset = 0

    init(bytes: [UInt8], end: Int) {
        self.bytes = bytes
        self.end = end
    }

    var isAtEnd: Bool { offset == end }

    private mutating func take(_ count: Int) throws(CovariateTableError) -> Range<Int> {
        guard count <= end - offset else { throw .malformed("they are cut short") }
        offset += count
        return offset - count..<offset
    }

    mutating func number() throws(CovariateTableError) -> UInt64 {
        let range = try take(8)
        return bytes.withUnsafeBytes {
            UInt64(
                littleEndian: $0.loadUnaligned(
                    fromByteOffset: range.lowerBound,
                    as: UInt64.self
                )
            )
        }
    }

    /// A number of things that take at least `bytes` bytes each.
    mutating func length(of bytes: UInt64) throws(CovariateTableError) -> Int {
        let number = try number()
        guard number <= UInt64(end) / bytes else { throw .malformed("they are cut short") }
        return Int(number)
    }

    mutating func text() throws(CovariateTableError) -> String {
        let range = try take(length(of: 1))
        guard let text = String(validating: bytes[range], as: UTF8.self) else {
            throw .malformed("a name is not UTF-8")
        }
        return text
    }

    mutating func doubles(_ count: Int) throws(CovariateTableError) -> [Double] {
        let range = try take(8 * count)
        return bytes.withUnsafeBytes { bytes in
            (0..<count).map {
                bytes.loadUnaligned(fromByteOffset: range.lowerBound + 8 * $0, as: Double.self)
            }
        }
    }

    mutating func codes(_ count: Int) throws(CovariateTableError) -> [Int32] {
        let range = try take(4 * count)
        return bytes.withUnsafeBytes { bytes in
            (0..<count).map {
                bytes.loadUnaligned(fromByteOffset: range.lowerBound + 4 * $0, as: Int32.self)
            }
        }
    }
}
