import Digests
import Statistics

/// Everything a worker needs to know of the whole screen, frozen before the first fit.
///
/// All arrays have shape `[genes]`.
package struct ControlCache: Sendable, Equatable {
    /// Number of control cells.
    package var controlCells = 0
    /// Median offset of the control cells, natural log.
    package var controlMedianOffset = 0.0
    /// β0 of each gene, natural log of the mean at size factor 1.
    package var intercept: [Double] = []
    /// Dispersion of each gene in the control cells alone.
    package var controlDispersion: [Double] = []
    /// Σ W of each gene over the control cells at the fitted values.
    package var controlWeight: [Double] = []
    /// Mean of count over size factor in the control cells.
    package var controlMean: [Double] = []
    /// Control cells with a nonzero count.
    package var controlExpressing: [UInt32] = []
    /// Dispersion used in every test of the gene.
    package var dispersion: [Double] = []
    /// Trend of dispersion at the gene's mean over all cells.
    package var dispersionTrend: [Double] = []

    /// An empty cache.
    package init() {}

    /// Number of genes.
    package var geneCount: Int { intercept.count }

    /// Share of control cells that express the gene, rounded to single precision.
    package func controlShare(_ gene: Int) -> Float {
        Float(Double(controlExpressing[gene]) / Double(controlCells))
    }

    /// Whether the fitted mean of a control cell of median depth lies at the floor.
    package func isFloored(_ gene: Int, minimumMean: Double) -> Bool {
        guard minimumMean > 0 else { return false }
        return intercept[gene] + controlMedianOffset < RealFunctions.log(minimumMean)
    }
}

/// Why bytes are not a control cache.
package enum ControlCacheError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The bytes are too short, too long, or do not start as a cache of this version does.
    case malformed(String)
    /// The content does not match its digest.
    case damaged

    /// What is wrong, for a person.
    package var description: String {
        switch self {
        case .malformed(let what): "control cache: \(what); it was written by another version"
        case .damaged: "control cache: content and digest differ; it is damaged"
        }
    }
}

extension ControlCache {
    private static let magic: UInt64 = 0x3143_4343_5058_5952  // "RYXPCCC1" little-endian
    private static let headerBytes = 8 + 8 + 8 + 8

    /// The cache as bytes: magic, genes, control cells, median offset, arrays, digest of it all.
    ///
    /// Little-endian throughout.
    package func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerBytes + geneCount * 52 + Digest128.byteCount)
        bytes.append(littleEndian: Self.magic)
        bytes.append(littleEndian: UInt64(geneCount))
        bytes.append(littleEndian: UInt64(controlCells))
        bytes.append(littleEndian: controlMedianOffset.bitPattern)
        for array in [
            intercept, controlDispersion, controlWeight, controlMean, dispersion, dispersionTrend,
        ] {
            for value in array { bytes.append(littleEndian: value.bitPattern) }
        }
        for value in controlExpressing { bytes.append(littleEndian: value) }
        bytes += bytes.withUnsafeBytes { Digest128(of: $0) }.bytes
        return bytes
    }

    /// Reads what ``encoded()`` wrote.
    ///
    /// - Throws: `malformed` for other bytes, `damaged` when the digest does not match.
    package init(bytes: [UInt8]) throws(ControlCacheError) {
        guard bytes.count >= Self.headerBytes + Digest128.byteCount else {
            throw .malformed("only \(bytes.count) bytes")
        }
        let content = bytes.count - Digest128.byteCount
        let stored = bytes.withUnsafeBytes {
            Digest128(bytes: UnsafeRawBufferPointer(rebasing: $0[content...]))
        }
        let actual = bytes.withUnsafeBytes {
            Digest128(of: UnsafeRawBufferPointer(rebasing: $0[..<content]))
        }
        guard stored == actual else { throw .damaged }
        var reader = LittleEndianReader(bytes: bytes)
        guard reader.next(UInt64.self) == Self.magic else { throw .malformed("unknown magic") }
        let genes = Int(truncatingIfNeeded: reader.next(UInt64.self))
        let cells = Int(truncatingIfNeeded: reader.next(UInt64.self))
        guard genes >= 0, cells >= 0, genes <= content / 52,
            Self.headerBytes + genes * 52 == content
        else { throw .malformed("\(content) bytes for \(genes) genes") }
        controlCells = cells
        controlMedianOffset = Double(bitPattern: reader.next(UInt64.self))
        intercept = reader.doubles(genes)
        controlDispersion = reader.doubles(genes)
        controlWeight = reader.doubles(genes)
        controlMean = reader.doubles(genes)
        dispersion = reader.doubles(genes)
        dispersionTrend = reader.doubles(genes)
        controlExpressing = (0..<genes).map { _ in reader.next(UInt32.self) }
    }
}
