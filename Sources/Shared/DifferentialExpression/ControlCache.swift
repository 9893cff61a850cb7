import CountBlocks
import Digests
import Statistics

/// Everything a worker needs to know of the whole screen, frozen before the first fit.
///
/// A method freezes the quantities it needs and no others; each is one number per gene.
package struct ControlCache: Sendable, Equatable {
    /// What can be frozen of a gene.
    ///
    /// Raw values are part of the encoding and never change.
    package enum Quantity: UInt32, Sendable, CaseIterable {
        /// β0, natural log of the mean at size factor 1.
        case intercept = 1
        /// Dispersion in the control cells alone.
        case controlDispersion = 2
        /// Σ W over the control cells at the fitted values.
        case controlWeight = 3
        /// Mean of the control cells, in the method's own definition.
        case controlMean = 4
        /// Dispersion used in every test of the gene.
        case dispersion = 5
        /// Trend of dispersion at the gene's mean over all cells.
        case dispersionTrend = 6
        /// Control cells with a nonzero value.
        case controlExpressing = 7
        /// Variance of the control cells (n - 1 in the denominator).
        case controlVariance = 8
        /// Σ Y over the control cells.
        case controlCountSum = 9
        /// 1 where the gene passes every filter in at least one tested perturbation, otherwise 0.
        case testedSomewhere = 10
    }

    /// Number of genes.
    package let geneCount: Int
    /// Number of control cells.
    package var controlCells = 0
    /// Median offset of the control cells, natural log.
    package var controlMedianOffset = 0.0
    /// Where the partial sums of the t-test begin anew.
    package var sumChunks = SumChunks()
    private var values: [Quantity: [Double]] = [:]

    /// An empty cache.
    package init(geneCount: Int) { self.geneCount = geneCount }

    /// The frozen values of a quantity; shape `[genes]`, empty when the method does not freeze it.
    package subscript(quantity: Quantity) -> [Double] {
        get { values[quantity] ?? [] }
        set {
            precondition(newValue.count == geneCount, "one value for each gene")
            values[quantity] = newValue
        }
    }

    /// Quantities that are frozen, in a fixed order.
    package var quantities: [Quantity] { Quantity.allCases.filter { values[$0] != nil } }

    /// β0 of each gene, natural log of the mean at size factor 1.
    package var intercept: [Double] { self[.intercept] }
    /// Dispersion used in every test of the gene.
    package var dispersion: [Double] { self[.dispersion] }

    /// Share of control cells that express the gene, rounded to single precision.
    package func controlShare(_ gene: Int) -> Float {
        Float(self[.controlExpressing][gene] / Double(controlCells))
    }

    /// Whether the fitted mean of a control cell of median depth lies at the floor.
    package func isFloored(_ gene: Int, minimumMean: Double) -> Bool {
        guard minimumMean > 0, let intercept = values[.intercept] else { return false }
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
    private static let magic: UInt64 = 0x3243_4343_5058_5952  // "RYXPCCC2" little-endian
    private static let headerBytes = 8 + 8 + 8 + 8 + 8

    /// The cache as bytes: magic, genes, control cells, median offset, number of quantities, then
    /// each quantity as its number and its values, the starts of the partial sums if there are any,
    /// and a digest of it all.
    ///
    /// Little-endian throughout, eight bytes a number.
    package func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        let quantities = quantities
        bytes.reserveCapacity(
            Self.headerBytes + quantities.count * 8 * (geneCount + 1) + Digest128.byteCount
        )
        bytes.append(littleEndian: Self.magic)
        bytes.append(littleEndian: UInt64(geneCount))
        bytes.append(littleEndian: UInt64(controlCells))
        bytes.append(littleEndian: controlMedianOffset.bitPattern)
        bytes.append(littleEndian: UInt64(quantities.count))
        for quantity in quantities {
            bytes.append(littleEndian: UInt64(quantity.rawValue))
            bytes.append(littleEndian: self[quantity])
        }
        for start in sumChunks.starts { bytes.append(littleEndian: UInt64(start)) }
        SealedBytes.seal(&bytes)
        return bytes
    }

    /// Reads what ``encoded()`` wrote.
    ///
    /// - Throws: `malformed` for other bytes, `damaged` when the digest does not match.
    package init(bytes: [UInt8]) throws(ControlCacheError) {
        guard bytes.count >= Self.headerBytes + Digest128.byteCount else {
            throw .malformed("only \(bytes.count) bytes")
        }
        guard let content = SealedBytes.contentCount(of: bytes) else { throw .damaged }
        var reader = LittleEndianReader(bytes: bytes)
        guard reader.next(UInt64.self) == Self.magic else { throw .malformed("unknown magic") }
        let genes = Int(truncatingIfNeeded: reader.next(UInt64.self))
        let cells = Int(truncatingIfNeeded: reader.next(UInt64.self))
        let median = Double(bitPattern: reader.next(UInt64.self))
        let count = Int(truncatingIfNeeded: reader.next(UInt64.self))
        guard genes >= 0, cells >= 0, (0...Quantity.allCases.count).contains(count),
            genes <= SegmentLimits.geneCount, content % 8 == 0,
            let starts = Self.startCount(content: content, quantities: count, genes: genes)
        else { throw .malformed("\(content) bytes for \(genes) genes") }
        self.init(geneCount: genes)
        controlCells = cells
        controlMedianOffset = median
        for _ in 0..<count {
            let number = reader.next(UInt64.self)
            guard let quantity = UInt32(exactly: number).flatMap(Quantity.init),
                values[quantity] == nil
            else { throw .malformed("unknown or repeated quantity \(number)") }
            values[quantity] = reader.doubles(genes)
        }
        guard let chunks = SumChunks(starts: (0..<starts).map { _ in reader.next(UInt64.self) })
        else { throw .malformed("starts of partial sums out of order") }
        sumChunks = chunks
    }

    /// How many starts of partial sums follow the quantities; nil when the bytes do not suffice.
    private static func startCount(content: Int, quantities: Int, genes: Int) -> Int? {
        let rest = content - headerBytes - quantities * 8 * (genes + 1)
        return rest >= 0 ? rest / 8 : nil
    }
}
