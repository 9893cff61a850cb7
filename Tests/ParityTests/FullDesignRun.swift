import AnnData
import ComputeThreads
import CountBlocks
import DifferentialExpression
import Statistics

/// The full-design GLM of one golden case: from the file to the rows, in one process.
struct FullDesignRun: MethodRun {
    let genes: [String]
    let sizeFactors: [Double]?
    let fits: [FullDesignFit]
    let rows: [PerturbationRow]

    var rowCount: Int { rows.count }

    /// Runs a case the way coordinator and worker do it together.
    init(_ screen: GoldenScreen) throws {
        let geneNames = try screen.geneNames()
        genes = geneNames
        let blocks = try screen.countBlocks()
        let stage = GlobalStage(
            screen: ScreenCounts(
                blocks: blocks,
                geneCount: geneNames.count,
                groupOfCell: screen.labels.codes,
                controlGroup: try screen.group(screen.options.controlLabel)
            ),
            options: screen.options,
            team: ThreadTeam(threadCount: 2),
            memoryBytes: 1 << 24
        )
        let result = try stage.run(userSizeFactors: Self.userSizeFactors(screen))
        sizeFactors = result.sizeFactors
        // A worker has only what survives the way through bytes.
        let covariates = try Self.covariates(screen)
        let analysis = FullDesignAnalysis(
            cache: try ControlCache(bytes: result.cache.encoded()),
            options: screen.options,
            sizeFactors: result.sizeFactors,
            covariates: try CovariateTable(bytes: covariates.encoded())
        )
        let control = try blocks.segments(ofGroup: screen.group(screen.options.controlLabel))
        let half = geneNames.count / 2
        let tiles = [0..<half, half..<geneNames.count].map {
            analysis.makeTile(genes: $0, segments: control)
        }
        var fits: [FullDesignFit] = []
        var rows: [PerturbationRow] = []
        for (index, label) in try screen.tested().enumerated() {
            let fit = analysis.begin(
                perturbation: UInt32(index),
                segments: try blocks.segments(ofGroup: screen.group(label))
            )
            fits.append(fit)
            rows.append(fit.finish(tiles, control))
        }
        self.fits = fits
        self.rows = rows
    }

    /// The size factors that a case gives by a file or a column.
    private static func userSizeFactors(_ screen: GoldenScreen) throws -> [Double]? {
        guard case .text(let column)? = screen.testCase.options["size-factor-column"] else {
            return try screen.givenSizeFactors()
        }
        return try screen.file.sizeFactors(column: column)
    }

    /// The covariates of a case.
    private static func covariates(_ screen: GoldenScreen) throws -> CovariateTable {
        let covariates = try screen.options.covariates.map { name in
            let values: CovariateTable.Values =
                switch try screen.file.cellValues(column: name) {
                case .numbers(let numbers): .numeric(numbers)
                case .levels(let levels):
                    .levels(
                        CovariateTable.Levels(
                            codes: levels.codes,
                            names: levels.names,
                            keepsUnused: levels.areListed
                        )
                    )
                }
            return CovariateTable.Covariate(name: name, values: values)
        }
        return CovariateTable(cellCount: screen.file.cellCount, covariates: covariates)
    }

    func stage(_ name: String) throws -> [Double]? {
        switch name {
        case "trend_mean":
            // Without a trend no mean is needed.
            return fits.allSatisfy { $0.scaledMeans.contains { $0 > 0 } }
                ? fits.flatMap(\.scaledMeans) : nil
        case "prior_variance": return fits.map { $0.priorVariance ?? .nan }
        case "fitted_error":
            return fits.flatMap { fit in
                genes.indices.map {
                    fit.fittedError(ofGene: $0) ?? (fit.isTested($0) ? .infinity : .nan)
                }
            }
        case "coefficients":
            return fits.flatMap { fit -> [Double] in
                guard let model = fit.model else { return [] }
                return (0..<model.columnCount).flatMap { column in
                    let fitted = model.fittedColumns.firstIndex(of: column)
                    return genes.indices.map { gene -> Double in
                        // A tested gene without a fit has 0 throughout, as has a column of zeros
                        // unless the fit went astray.
                        guard fit.isTested(gene) else { return .nan }
                        guard let found = fit.coefficients(ofGene: gene) else { return 0 }
                        if found.contains(where: \.isNaN) { return .nan }
                        return fitted.map { found[$0] } ?? 0
                    }
                }
            }
        default: return nil
        }
    }

    func values(ofLayer name: String, row: Int) throws -> [Double] {
        try RowSchema.nbGLMFullDesign.values(
            ofLayer: name,
            in: rows[row].bytes,
            geneCount: genes.count
        )
    }
}

extension FullDesignFit {
    /// Drives a fit to its row.
    fileprivate func finish(
        _ tiles: [FullDesignTile],
        _ control: [DecodedSegment]
    ) -> PerturbationRow {
        while true {
            switch need {
            case .nothing: break
            case .geneTiles:
                for tile in tiles { visit(genes: tile.genes, of: tile) }
            case .cells:
                var first = 0
                for segment in control {
                    visit(cells: segment, firstCell: first)
                    first += segment.cellCount
                }
            }
            if let row = endPhase() { return row }
        }
    }
}
